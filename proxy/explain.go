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
	flags.StringVar(&w.file, "config", "", "configuration `FILE` of the installation")
	flags.StringVar(&w.data, "data", "", "`DIR` of an installation with embedded store and key service; default, without --config, ./sealfront-data")
}

func (w *where) load() (*config.Config, error) {
	if w.file != "" && w.data != "" {
		return nil, usagef("--config excludes --data")
	}
	c, err := (*config.Config)(nil), error(nil)
	if w.file != "" {
		c, err = config.Load(w.file)
	} else {
		c, err = embeddedConfig(w.data, "", "", "", "")
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

// prepareExplain tells which row of the rules decides about a request, and why.
func prepareExplain(v *invocation) action {
	v.at.register(v.FlagSet)
	var q gateway.Question
	v.StringVar(&q.Operation, "operation", "", "API `NAME` of the operation, such as PutObject")
	v.StringVar(&q.Bucket, "bucket", "", "`BUCKET` of the request")
	v.StringVar(&q.Key, "key", "", "`KEY` of the object")
	v.Var((*fieldList)(&q.Header), "header", "`'NAME: VALUE'` of a request header; may be repeated")
	v.Var((*fieldList)(&q.Query), "query", "`'NAME=VALUE'` of a query parameter; may be repeated")
	v.Var((*fieldList)(&q.SessionHeader), "session-header", "`'NAME: VALUE'` of a header of the CreateSession before; may be repeated")
	v.BoolVar(&q.LongTerm, "long-term", false, "signed with a long-term key, not with a session")
	v.BoolVar(&q.Plain, "http", false, "over HTTP, not over TLS")
	v.StringVar(&q.Principal, "principal", "", "`NAME` of the identity whose permissions are asked for; none: they are taken for granted")
	v.StringVar(&q.Source, "source-ip", "", "`ADDRESS` that the request comes from, for policies; none: they see none")
	return func(ctx context.Context, _ []string) (err error) {
		if q.Operation == "" || q.Bucket == "" {
			return usagef("explain needs --operation and --bucket")
		}
		c, err := v.at.load()
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
		return writeJSON(v.stdout, e)
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// explainHandler answers GET /explain?operation=…&bucket=… with the parameters key, header, query, session-header (each of
// these three may be repeated), long-term, http, principal and source-ip.
func explainHandler(g *gateway.Gateway) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := r.URL.Query()
		e, err := g.Explain(r.Context(), &gateway.Question{
			Operation: v.Get("operation"), Bucket: v.Get("bucket"), Key: v.Get("key"), Header: v["header"], Query: v["query"],
			SessionHeader: v["session-header"], LongTerm: v.Has("long-term"), Plain: v.Has("http"), Principal: v.Get("principal"),
			Source: v.Get("source-ip"),
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
