package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/gateway"
)

// where are the flags by which a tool finds the installation it works on.
type where struct{ file, data string }

func (w *where) register(flags *flag.FlagSet) {
	flags.StringVar(&w.file, "config", "", "configuration file of the installation")
	flags.StringVar(&w.data, "data", "", "directory of the embedded parts (default ./sealfront-data)")
}

func (w *where) load() (*config.Config, error) {
	if w.file != "" && w.data != "" {
		return nil, usagef("--config excludes --data")
	}
	c, err := (*config.Config)(nil), error(nil)
	if w.file != "" {
		c, err = config.Load(w.file)
	} else {
		c, err = config.Embedded(w.data, "", "", "")
	}
	if err != nil {
		return nil, configError(err)
	}
	return c, nil
}

// fieldList is a flag that may be given several times.
type fieldList []string

func (l *fieldList) String() string         { return strings.Join(*l, ", ") }
func (l *fieldList) Set(value string) error { *l = append(*l, value); return nil }

// runExplain tells which row of the rules decides about a request, and why.
func runExplain(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := newFlags("explain", stderr)
	var at where
	at.register(flags)
	var q gateway.Question
	flags.StringVar(&q.Operation, "operation", "", "API name of the operation, such as PutObject")
	flags.StringVar(&q.Bucket, "bucket", "", "bucket")
	flags.StringVar(&q.Key, "key", "", "key of the object")
	flags.Var((*fieldList)(&q.Header), "header", "'Name: value' of a request header; may be repeated")
	flags.Var((*fieldList)(&q.Query), "query", "'name=value' of a query parameter; may be repeated")
	flags.Var((*fieldList)(&q.SessionHeader), "session-header", "'Name: value' of a header of the CreateSession before; may be repeated")
	flags.BoolVar(&q.LongTerm, "long-term", false, "signed with a long-term key, not with a session")
	flags.BoolVar(&q.Plain, "http", false, "over HTTP, not over TLS")
	flags.StringVar(&q.Principal, "principal", "", "identity whose permissions are asked for; none: they are taken for granted")
	if err := parseFlags(flags, args, 0); err != nil {
		return err
	}
	if q.Operation == "" || q.Bucket == "" {
		return usagef("explain needs --operation and --bucket")
	}
	c, err := at.load()
	if err != nil {
		return err
	}
	p, err := assembleTool(ctx, c, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	e, err := p.gateway.Explain(ctx, &q)
	if errors.Is(err, gateway.ErrQuestion) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	return writeJSON(stdout, e)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// explainHandler answers GET /explain?operation=…&bucket=… with the parameters key, header, query, session-header (each of
// these three may be repeated), long-term, http and principal.
func explainHandler(g *gateway.Gateway) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := r.URL.Query()
		e, err := g.Explain(r.Context(), &gateway.Question{
			Operation: v.Get("operation"), Bucket: v.Get("bucket"), Key: v.Get("key"), Header: v["header"], Query: v["query"],
			SessionHeader: v["session-header"], LongTerm: v.Has("long-term"), Plain: v.Has("http"), Principal: v.Get("principal"),
		})
		switch {
		case errors.Is(err, gateway.ErrQuestion):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, fmt.Sprintf("the bucket's record can't be read: %v", err), http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = writeJSON(w, e) // the operator went away
		}
	}
}
