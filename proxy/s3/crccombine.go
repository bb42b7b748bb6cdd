package s3

import (
	"encoding/binary"

	"sealfront/crypto"
)

// The polynomials of the CRCs, bit-reversed as their registers are.
const (
	polynomialCRC32     = 0xEDB88320
	polynomialCRC32C    = 0x82F63B78
	polynomialCRC64NVME = 0x9A6C9329AC4BC9B5
)

// CombineCRC returns the CRC of two byte strings, one after the other, from the CRC of each and the length of the
// second: crc(A ‖ B) = crc(A)·x^(8·|B|) + crc(B), modulo the polynomial. Initial value and final inversion cancel.
func CombineCRC(a crypto.Algorithm, first, second []byte, length int64) []byte {
	switch a {
	case crypto.CRC32, crypto.CRC32C:
		f := field64{top: 1 << 31, polynomial: polynomialCRC32}
		if a == crypto.CRC32C {
			f.polynomial = polynomialCRC32C
		}
		sum := f.multiply(f.power(length), uint64(binary.BigEndian.Uint32(first))) ^ uint64(binary.BigEndian.Uint32(second))
		return binary.BigEndian.AppendUint32(nil, uint32(sum))
	case crypto.CRC64NVME:
		f := field64{top: 1 << 63, polynomial: polynomialCRC64NVME}
		sum := f.multiply(f.power(length), binary.BigEndian.Uint64(first)) ^ binary.BigEndian.Uint64(second)
		return binary.BigEndian.AppendUint64(nil, sum)
	}
	panic("gateway: internal error: a checksum that can't be combined")
}

// field64 is arithmetic on polynomials over GF(2) modulo one of degree up to 64, bits reversed: top is x^0.
type field64 struct{ top, polynomial uint64 }

func (f field64) multiply(a, b uint64) uint64 {
	var product uint64
	for m := f.top; m != 0; m >>= 1 {
		if a&m != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ f.polynomial
		} else {
			b >>= 1
		}
	}
	return product
}

// power is x^(8·n).
func (f field64) power(n int64) uint64 {
	square := f.top >> 1 // x
	for range 3 {
		square = f.multiply(square, square) // x^8
	}
	result := f.top // 1
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = f.multiply(result, square)
		}
		square = f.multiply(square, square)
	}
	return result
}
