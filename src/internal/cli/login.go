//go:build !vm

package cli

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/serverclient"
)

// longestToken is how many bytes are read in place of a token.
const longestToken = 4096

func newLoginCommand(streams Streams) *cobra.Command {
	var caCert string
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "keep a token for a server, which is read from standard input",
		Long: `login reads a token from standard input, asks the server whose it is, and keeps it in a
file that only you may read (~/.config/ipguard/tokens.json). IPGUARD_TOKEN goes before it.

Exit codes: 0 it is kept, 2 wrong usage, 3 the server does not answer or does not know it.`,
		Example: `  ipguard login https://ipguard.example.com`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard login https://ipguard.example.com", "login takes one URL, and got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogin(cmd.Context(), args[0], caCert, streams)
		},
	}
	cmd.Flags().StringVar(&caCert, "ca-cert", "", "`file` with the certificate that signed the server's")
	return cmd
}

func runLogin(ctx context.Context, url, caCert string, streams Streams) error {
	line, err := bufio.NewReader(io.LimitReader(streams.Stdin, longestToken)).ReadString('\n')
	token := strings.TrimSpace(line)
	if token == "" {
		return incomplete("ipguard-server token NAME --scope SCOPE makes one; so does POST /api/v1/tokens", "there is no token on standard input (%v)", err)
	}
	client, err := serverclient.New(url, caCert, token)
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
	if _, err := tokens.Set(client.URL, token); err != nil {
		return incomplete("", "the token cannot be kept: %s", err)
	}
	return printTo(streams.Stdout, "%s knows you as %s, with %s\n", client.URL, name, strings.Join(scopes, ", "))
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
			had, err := tokens.Set(serverclient.Canonical(args[0]), "")
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
