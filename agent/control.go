package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// SavepointOptions configure Savepoint.
type SavepointOptions struct {
	Server, Pipeline, File string
}

// Savepoint asks a running edgeflow for a savepoint and prints where it lies. File, when
// given, is its name below the pipeline's savepoints folder.
func Savepoint(ctx context.Context, w io.Writer, o SavepointOptions) error {
	u := o.Server + "/pipelines/" + url.PathEscape(o.Pipeline) + "/savepoint"
	if o.File != "" {
		u += "?name=" + url.QueryEscape(o.File)
	}
	var out map[string]string
	if err := call(ctx, http.MethodPost, u, &out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, out["savepoint"])
	return err
}

// AuditOptions configure Audit.
type AuditOptions struct {
	Server, Pipeline string
}

// Audit prints the ledgers of a running edgeflow. It returns ErrReported when one does not
// balance.
func Audit(ctx context.Context, w io.Writer, o AuditOptions) error {
	var list []Status
	if err := call(ctx, http.MethodGet, o.Server+"/pipelines", &list); err != nil {
		return err
	}
	balanced, found := true, false
	for _, st := range list {
		if o.Pipeline != "" && st.Pipeline != o.Pipeline {
			continue
		}
		found = true
		fmt.Fprintf(w, "pipeline %s at epoch %d\n", st.Pipeline, st.Epoch)
		if st.Ledger != nil {
			WriteLedger(w, st.Ledger)
			if bad := st.Ledger.Imbalances(); len(bad) > 0 {
				balanced = false
			}
		}
	}
	if !found {
		return fmt.Errorf("no pipeline %q runs there", o.Pipeline)
	}
	if !balanced {
		return ErrReported
	}
	return nil
}

// Health asks a running edgeflow whether it is healthy, and writes its answer: "ok" and what
// connections are down, with the reasons, a line each.
func Health(ctx context.Context, w io.Writer, server string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var answer string
	if err := call(ctx, http.MethodGet, server+"/healthz", &answer); err != nil {
		return err
	}
	_, err := io.WriteString(w, answer)
	return err
}
