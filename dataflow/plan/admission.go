package plan

// The options of a source, or of a pipeline, that bound what is taken in.
const (
	messageBytesOption = "edgeflow.message.max-bytes"
	fieldBytesOption   = "edgeflow.field.max-bytes"
)

// Admission returns the greatest size of a message of a table and of a field in it, in
// bytes; 0 is any size.
func (c *Config) Admission(t *Table) (message, field int64) {
	own := c.clone()
	for _, key := range []string{messageBytesOption, fieldBytesOption} {
		if v, ok := t.Options[key]; ok {
			_ = own.assign(key, v) // it was checked when the table was declared
		}
	}
	return own.MessageBytesMax, own.FieldBytesMax
}

// checkAdmission checks a table's options that bound what is taken in.
func (b *binder) checkAdmission(t *Table) error {
	own := b.cfg.clone()
	for _, key := range []string{messageBytesOption, fieldBytesOption} {
		if v, ok := t.Options[key]; ok {
			if err := own.assign(key, v); err != nil {
				return b.errorf(t.spans[key], "option '%s': %v", key, err)
			}
		}
	}
	return nil
}
