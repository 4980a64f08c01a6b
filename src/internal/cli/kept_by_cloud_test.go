package cli

import (
	"strings"
	"testing"
)

// TestFreeLeavesOutWhatTheCloudKeeps: the first address that a director does not
// own is not free if the cloud keeps it.
func TestFreeLeavesOutWhatTheCloudKeeps(t *testing.T) {
	for gateway, want := range map[string]string{"10.40.0.1": "10.40.0.4", "10.40.0.100": "10.40.0.1"} {
		t.Chdir(t.TempDir())
		writeFile(t, "ipguard.yml", []byte("directors: [{name: aws, cloud_configs: [cc.yml]}]\n"))
		writeFile(t, "cc.yml", []byte("networks: [{name: default, subnets: [{range: 10.40.0.0/24, gateway: "+gateway+
			", reserved: [10.40.0.1 - 10.40.0.254], cloud_properties: {subnet: subnet-0a}}]}]\ncompilation: {workers: 1, network: default}\n"))
		for _, args := range [][]string{{"free", "aws/default", "-n", "250"}} {
			stdout, stderr, code := runIn(t, args...)
			offered := strings.Contains(stdout, "10.40.0.2\n") || strings.Contains(stdout, "10.40.0.2 ") || strings.Contains(stdout, "10.40.0.3 ")
			if code != ExitOK || offered == (want == "10.40.0.4") {
				t.Errorf("gateway %s, %v: exit %d, 10.40.0.2 or .3 offered: %v\n%s%s", gateway, args, code, offered, stdout, stderr)
			}
		}
	}
}
