//go:build !vm

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/serverclient"
	"github.com/ipguard/ipguard/src/internal/signin"
)

// longestToken is how many bytes are read in place of a token.
const longestToken = 16 << 10

// loginFlags are those of ipguard login.
type loginFlags struct {
	caCert          string
	token, passcode bool
}

func newLoginCommand(streams Streams) *cobra.Command {
	var flags loginFlags
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "log in to a server, and keep the token",
		Long: `login prints a URL to open in a browser on this machine, waits until somebody has logged in
there, and keeps the token in a file that only you may read (~/.config/ipguard/tokens.json).
Where there is no browser, --passcode takes a passcode of UAA; --token takes a token that the
server made. Both are read from standard input.

Before what is kept goes IPGUARD_TOKEN; else IPGUARD_CLIENT and IPGUARD_CLIENT_SECRET, a client
of the provider: pipelines need no login. Both count for the server alone that IPGUARD_SERVER
names, whatever the fleet file says; the client's secret goes to a provider on the server's own
host, or to IPGUARD_ISSUER. IPGUARD_PROVIDER names one provider of several.

Exit codes: 0 you are logged in, 2 wrong usage, 3 you are not, or somebody does not answer.`,
		Example: `  ipguard login https://ipguard.example.com
  ipguard login https://ipguard.example.com --passcode
  ipguard login https://ipguard.example.com --token`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard login https://ipguard.example.com", "login takes one URL, and got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.token && flags.passcode {
				return usage("", "--token and --passcode are two ways to log in")
			}
			return runLogin(cmd.Context(), args[0], &flags, streams)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.caCert, "ca-cert", "", "`file` with the certificate that signed the server's and the provider's")
	f.BoolVar(&flags.token, "token", false, "read a token that the server made")
	f.BoolVar(&flags.passcode, "passcode", false, "read a passcode of UAA")
	return cmd
}

func runLogin(ctx context.Context, url string, flags *loginFlags, streams Streams) error {
	kept, err := logIn(ctx, url, flags, streams)
	if err != nil {
		return storeError(err)
	}
	client, err := serverclient.New(url, flags.caCert, kept.Token)
	if err != nil {
		return usage("https://ipguard.example.com", "%s", err)
	}
	name, scopes, err := client.Me(ctx)
	if err != nil {
		return storeError(err)
	}
	tokens, err := streams.tokens()
	if err != nil {
		return storeError(err)
	}
	if _, err := tokens.Set(client.URL, kept); err != nil {
		return incomplete("", "the token cannot be kept: %s", err)
	}
	return printTo(streams.Stdout, "%s knows you as %s, with %s\n", client.URL, legible.Text(name), legible.Text(strings.Join(scopes, ", ")))
}

// logIn gets a token in the way that is wanted.
func logIn(ctx context.Context, url string, flags *loginFlags, streams Streams) (kept serverclient.Kept, err error) {
	if flags.token {
		token, err := secretLine(streams)
		if token == "" {
			return kept, incomplete("ipguard-server token NAME --scope SCOPE makes one; so does POST /api/v1/tokens", "there is no token on standard input (%v)", err)
		}
		return serverclient.Kept{Token: token}, nil
	}
	p, login, err := streams.provider(ctx, url, flags.caCert)
	if err != nil {
		return kept, err
	}
	var token *signin.Token
	if flags.passcode {
		token, err = byPasscode(ctx, p, streams)
	} else {
		var unwritten error
		token, err = p.Browser(ctx, func(to string) {
			unwritten = printTo(streams.Stderr, "open this URL in a browser on this machine, and log in there (without a browser: --passcode):\n%s\n", to)
		})
		err = errors.Join(err, unwritten)
	}
	if err != nil {
		return kept, incomplete("", "you are not logged in: %s", err)
	}
	return keptOf(token, login), nil
}

func byPasscode(ctx context.Context, p *signin.Provider, streams Streams) (*signin.Token, error) {
	if err := printTo(streams.Stderr, "get a passcode at %s, and enter it here: ", p.PasscodeURL()); err != nil {
		return nil, err
	}
	code, err := secretLine(streams)
	if code == "" {
		return nil, fmt.Errorf("there is no passcode on standard input (%w)", err)
	}
	return p.Passcode(ctx, code)
}

// secretLine is the first line of standard input.
func secretLine(streams Streams) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(streams.Stdin, longestToken)).ReadString('\n')
	return strings.TrimSpace(line), err
}

func newLogoutCommand(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "logout URL",
		Short: "forget the token for a server",
		Long: `logout forgets the token that ipguard login kept. The server goes on to take it until it
ends, or an administrator revokes it.

Exit codes: 0 it is forgotten, 2 wrong usage, 3 the file cannot be written.`,
		Example: `  ipguard logout https://ipguard.example.com`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard logout https://ipguard.example.com", "logout takes one URL, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			tokens, err := streams.tokens()
			if err != nil {
				return storeError(err)
			}
			had, err := tokens.Set(serverclient.Canonical(args[0]), serverclient.Kept{})
			if err != nil {
				return incomplete("", "the token cannot be forgotten: %s", err)
			}
			if !had {
				return printTo(streams.Stdout, "there was no token for %s\n", serverclient.Canonical(args[0]))
			}
			return printTo(streams.Stdout, "the token for %s is forgotten\n", serverclient.Canonical(args[0]))
		},
	}
}
