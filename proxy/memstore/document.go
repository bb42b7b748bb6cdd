package memstore

import (
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// A document is XML that is being written.
type document struct{ b strings.Builder }

const namespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

// begin opens the root of an answer.
func (d *document) begin(root string) { d.b.WriteString(xml.Header + "<" + root + namespace + ">") }

func (d *document) open(name string) { d.b.WriteString("<" + name + ">") }

func (d *document) close(name string) { d.b.WriteString("</" + name + ">") }

func (d *document) text(name, value string) {
	d.open(name)
	_ = xml.EscapeText(&d.b, []byte(value)) // a strings.Builder never fails
	d.close(name)
}

func (d *document) number(name string, n int64) { d.text(name, strconv.FormatInt(n, 10)) }

func (d *document) time(name string, t time.Time) {
	d.text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}
