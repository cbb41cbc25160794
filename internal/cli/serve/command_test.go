package serve

import (
	"strings"
	"testing"
)

// A service that is told of no gateway takes all that comes through one for the calls of one machine.
func TestExamplesNameTheGateway(t *testing.T) {
	for name, help := range map[string]string{"plansvc": Plansvc{}.Help(), "payoutsvc": Payoutsvc{}.Help()} {
		if !strings.Contains(help, "gateway.example.com=GATEWAY") {
			t.Errorf("%s names no gateway in its examples:\n%s", name, help)
		}
	}
}
