package agent

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// EnableFailpoints sets the failpoints that the environment names, for tests that crash the
// process at a given step.
func EnableFailpoints() error {
	if err := failpoint.EnableFromEnv(); err != nil {
		return fmt.Errorf("%s: %w", failpoint.Env, err)
	}
	return nil
}
