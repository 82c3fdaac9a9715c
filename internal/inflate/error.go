package inflate

import (
	"io"
	"strconv"
)

// A CorruptError says that a stream is no valid gzip or DEFLATE data.
type CorruptError struct {
	// Offset is how many stored bytes were taken before the fault was seen,
	// counted from where the Reader began.
	Offset int64
	// Reason says what is wrong, in a few words.
	Reason string
}

func (e *CorruptError) Error() string {
	return "gzip: " + e.Reason + " before offset " + strconv.FormatInt(e.Offset, 10)
}

// noEOF turns the end of the input into io.ErrUnexpectedEOF, for places where
// it must not end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
