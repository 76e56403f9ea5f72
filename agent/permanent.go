package agent

import (
	"errors"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/connector/filesystem"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/connector/secret"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
)

// configError marks what a person has to mend: trying again would fail the same way.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

// awayError marks what the host lacks now and may have again: a file, a certificate in the middle
// of its rotation, a variable, a port that is in use, a folder. It holds inside a configError, too.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// away marks an error, if there is one.
func away(err error) error {
	if err == nil {
		return nil
	}
	return &awayError{err}
}

// permanent tells failures that a restart cannot mend.
func permanent(err error) bool {
	var gone *awayError
	if errors.As(err, &gone) {
		return errors.Is(err, confine.ErrOutside) || errors.Is(err, secret.ErrReference)
	}
	var config *configError
	var option *nats.OptionError
	var position *nats.PositionError
	var damaged *store.DamagedError
	var format *store.FormatError
	var key *store.KeyError
	var output *forward.OutputError
	if errors.Is(err, store.ErrClosed) {
		return false // it was found damaged and set aside: a start tells
	}
	switch {
	case errors.As(err, &config), errors.As(err, &option), errors.As(err, &position), errors.As(err, &damaged),
		errors.As(err, &format), errors.As(err, &key), errors.As(err, &output):
		return true
	}
	var layout *state.LayoutError
	if errors.As(err, &layout) || errors.Is(err, filesystem.ErrChanged) || errors.Is(err, confine.ErrOutside) {
		return true
	}
	return errors.Is(err, store.ErrLocked) || errors.Is(err, forward.ErrFenced) || errors.Is(err, dataflow.ErrRow) || errors.Is(err, dataflow.ErrOutputName)
}
