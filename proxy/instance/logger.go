package instance

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sealfront/proxy/config"
)

// NewLogger makes the log that is written to stderr. Its level may be changed later.
func NewLogger(c config.Log, stderr io.Writer) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(c.Level)
	if err != nil {
		return nil, level, config.Faults{{Path: "log.level", Why: err.Error()}}
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder(encoder)
	if c.Format == "console" {
		enc = zapcore.NewConsoleEncoder(encoder)
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(stderr)), level)), level, nil
}
