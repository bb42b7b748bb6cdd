package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A Record says what was asked, what was decided and what came of it. Empty fields are left out.
type Record struct {
	Time       time.Time
	Request    string // x-amz-request-id
	Trace      string // trace id, when the request was traced
	Remote     string
	TLS        bool
	Principal  string
	Session    string // hash of the session's access key id; "" with long-term keys
	Mode       string // of the session: ReadWrite | ReadOnly
	Operation  string // "" for what was refused before it had one
	Bucket     string
	Key        string
	Version    string
	Source     string // of a copy, as the client gave it
	Row        string // of the behaviour reference, that decided
	Decision   string // permitted | refused
	Encryption string // effective: AES256 | aws:kms | aws:kms:dsse
	KMSKey     string
	Context    string // the requested encryption context without the default pair, as JSON
	Code       string // S3 error code, OK for success
	Status     int
	In, Out    int64 // bytes of plaintext
	Took       time.Duration
}

// HashKey is what stands for an object's key where keys are hashed: SHA-256 of bucket, a slash, and key, as hex. It
// finds the records of a key that is known; it doesn't hide a key that can be guessed.
func HashKey(bucket, key string) string {
	sum := sha256.Sum256([]byte(bucket + "/" + key))
	return hex.EncodeToString(sum[:])
}

var encoderConfig = zapcore.EncoderConfig{LineEnding: "\n", SkipLineEnding: false}

// encode writes the record of seq as a JSON object and a line's end.
func encode(seq uint64, fields ...zap.Field) ([]byte, error) {
	b, err := zapcore.NewJSONEncoder(encoderConfig).EncodeEntry(zapcore.Entry{},
		append([]zap.Field{zap.Uint64("seq", seq)}, fields...))
	if err != nil {
		return nil, err
	}
	defer b.Free()
	return append([]byte(nil), b.Bytes()...), nil
}

func timeField(t time.Time) zap.Field { return zap.String("time", t.UTC().Format(time.RFC3339Nano)) }

// fields are the record's, without the empty ones.
func (r *Record) fields(hashKeys bool) []zap.Field {
	f := make([]zap.Field, 0, 22)
	f = append(f, timeField(r.Time))
	add := func(name, value string) {
		if value != "" {
			f = append(f, zap.String(name, value))
		}
	}
	add("request", r.Request)
	add("trace", r.Trace)
	add("remote", r.Remote)
	f = append(f, zap.Bool("tls", r.TLS))
	add("principal", r.Principal)
	add("session", r.Session)
	add("mode", r.Mode)
	add("operation", r.Operation)
	add("bucket", r.Bucket)
	if hashKeys && r.Key != "" {
		add("keyHash", HashKey(r.Bucket, r.Key))
	} else {
		add("key", r.Key)
	}
	add("version", r.Version)
	if hashKeys && r.Source != "" {
		add("sourceHash", HashKey("", r.Source))
	} else {
		add("source", r.Source)
	}
	add("row", r.Row)
	add("decision", r.Decision)
	add("encryption", r.Encryption)
	add("kmsKey", r.KMSKey)
	add("context", r.Context)
	add("code", r.Code)
	return append(f, zap.Int("status", r.Status), zap.Int64("in", r.In), zap.Int64("out", r.Out),
		zap.Int64("microseconds", r.Took.Microseconds()))
}
