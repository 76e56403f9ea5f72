// Package capture keeps raw messages of streams in files: a ring of segments in a folder, or
// one file. What it writes is meant to be copied to another machine and replayed there.
//
// A segment begins with a header and goes on with records; integers of fixed width are
// little-endian, the others are varints as encoding/binary has them:
//
//	"EFCAP\x01\r\n"                          magic, version 1
//	uint32 length, uint32 CRC-32C, header    JSON, see Header
//	uint32 length, uint32 CRC-32C, record    any number of times
//
//	record: uvarint source (index in Header.Sources), uvarint sequence, svarint arrival in ms
//	since 1970, uvarint length and bytes of the subject, the same of the raw header block,
//	and the message's data up to the record's end
//
// With keys the version is 2, and the header stands behind a frame that tells the key (see
// store.Records): it and each record are encrypted. Checksums are of the encrypted bytes.
//
// Segments of a folder are numbered, NNNNNNNNNNNNNNNN.seg, and read in that order; the
// oldest ones may be gone. A segment whose last record is cut off or, behind a power loss,
// ends in zeros has the records before it. Any other damage is an error.
package capture
