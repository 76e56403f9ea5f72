package format

// Placed is a Stepper that tells how far into the message it has come: after One that is
// where the event ends.
type Placed interface {
	Stepper
	At() int
}

// At is how far the decoder has come.
func (d *jsonDecoder) At() int { return d.pos }

// At is how far the decoder has come.
func (d *msgpackDecoder) At() int { return d.pos }

// At is how far the decoder has come.
func (d *csvDecoder) At() int { return d.pos }
