package formats

import (
	"crypto/aes"
	"encoding/binary"
)

// makeMylogin writes lines as mysql_config_editor does.
func makeMylogin(lines ...string) []byte {
	text := make([]byte, 24)
	for i := range 20 {
		text[4+i] = byte(i*37 + 11)
	}
	var key [16]byte
	for i, c := range text[4:24] {
		key[i%16] ^= c
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	for _, line := range lines {
		pad := 16 - len(line)%16
		plain := []byte(line)
		for range pad {
			plain = append(plain, byte(pad))
		}
		text = binary.LittleEndian.AppendUint32(text, uint32(len(plain)))
		for i := 0; i < len(plain); i += 16 {
			out := make([]byte, 16)
			block.Encrypt(out, plain[i:i+16])
			text = append(text, out...)
		}
	}
	return text
}
