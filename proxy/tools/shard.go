package tools

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A Shard is one of several parts of a bucket's keys, so that several machines can share the work on it. Which shard a
// key belongs to depends on the key and the number of shards alone: the first eight bytes of its SHA-256, a big-endian
// number, modulo that number. So each key belongs to exactly one shard, and the shards of a bucket are about equally
// large, whatever its keys begin with. The zero value has all keys.
type Shard struct {
	Number int // from 1 on
	Of     int // 0: all keys
}

// maxShards bounds the number of shards.
const maxShards = 1_000_000

// ParseShard reads I/N, of which I is from 1 to N.
func ParseShard(text string) (Shard, error) {
	number, of, ok := strings.Cut(text, "/")
	i, errI := strconv.Atoi(number)
	n, errN := strconv.Atoi(of)
	if !ok || errI != nil || errN != nil || n < 1 || n > maxShards || i < 1 || i > n {
		return Shard{}, fmt.Errorf("%w: %q is not I/N, the number of a shard from 1 on and of how many: 1/4 to 4/4 for four",
			ErrUsage, text)
	}
	return Shard{i, n}, nil
}

// Has reports whether a key belongs to the shard.
func (s Shard) Has(key string) bool {
	if s.Of <= 1 {
		return true
	}
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:8])%uint64(s.Of) == uint64(s.Number-1)
}

// String returns I/N, and "" where the shard has all keys.
func (s Shard) String() string {
	if s.Of <= 1 {
		return ""
	}
	return strconv.Itoa(s.Number) + "/" + strconv.Itoa(s.Of)
}

// name is a walk's name for its resume file: a file of one shard isn't continued by another one.
func (s Shard) name(walk string) string {
	if s.Of <= 1 {
		return walk
	}
	return walk + " shard " + s.String()
}

// notes says what the report of a shard doesn't cover.
func (s Shard) notes() []string {
	if s.Of <= 1 {
		return nil
	}
	return []string{fmt.Sprintf("only the keys of shard %s were looked at: the bucket is done when each of its %d shards "+
		"has ended with exit status 0", s, s.Of)}
}
