package main

import (
	"fmt"
	"strings"
	"sync"

	"sealfront/proxy/proxytest"
)

// A kmsTable has a row for each fault of KMS at each operation, with the bucket key in memory and without.
type kmsTable struct {
	mu   sync.Mutex
	rows map[string]int
}

const kmsTableHead = "operation\tfault\tbucket key\tthe client saw\tthe store holds"

// kmsWrites says which operations write, and where what they have written shows: key with the phase before it.
var kmsWrites = map[string]struct{ key, old, new string }{
	"PutObject":               {"-put", "", "4"},
	"PutObject in a session":  {"-session", "", "4"},
	"PutObject at an offset":  {"-append", "4", "8"},
	"CopyObject":              {"-copy", "", "4"},
	"CompleteMultipartUpload": {"-complete", "", "4"},
	"RenameObject":            {"-renamed", "", "4"},
	"DeleteObject":            {"-delete", "4", ""},
	"DeleteObjects":           {"-deletes", "4", ""},
}

// add takes the rows of one fault down, of a phase in which every operation was told what it heard. A write must be
// there when it was acknowledged, and not at all when it was refused.
func (table *kmsTable) add(b *proxytest.KMSBucket, fault, phase string, heard []told) {
	b.P.T.Helper()
	sizes := make(map[string]string)
	for _, object := range strings.Split(b.Must(&proxytest.Request{
		Method: "GET", Path: "/" + b.Name, Query: "list-type=2",
	}).Text, "<Contents>")[1:] {
		sizes[proxytest.Element(object, "Key")] = proxytest.Element(object, "Size")
	}
	uploads := b.Must(&proxytest.Request{Method: "GET", Path: "/" + b.Name, Query: "uploads="}).Text
	where := "in memory"
	if phase == "cold" {
		where = "not in memory"
	}
	table.mu.Lock()
	defer table.mu.Unlock()
	for i, o := range kmsOperations {
		holds := "unchanged"
		switch w, writes := kmsWrites[o.name]; {
		case writes:
			is, want := sizes[phase+w.key], w.old
			if heard[i].ok {
				want, holds = w.new, "what was written"
			}
			if is != want {
				holds = fmt.Sprintf("%q bytes", is)
				b.P.T.Errorf("%s × %s, bucket key %s: the client was told %q, and the store holds %s, want %q", fault, o.name,
					where, heard[i].says, holds, want)
			}
			if _, from := sizes[phase+"-from"]; o.name == "RenameObject" && from == heard[i].ok {
				b.P.T.Errorf("%s × RenameObject, bucket key %s: the client was told %q, and the old name is there: %t", fault,
					where, heard[i].says, from)
			}
		case o.name == "CreateMultipartUpload":
			if begun := strings.Contains(uploads, "<Key>"+phase+"-upload</Key>"); begun != heard[i].ok {
				b.P.T.Errorf("%s × %s, bucket key %s: the client was told %q, and the upload is there: %t", fault, o.name, where,
					heard[i].says, begun)
			} else if begun {
				holds = "an upload"
			}
		}
		table.rows[fmt.Sprintf("%s\t%s\t%s\t%s\t%s", o.name, fault, where, heard[i].says, holds)]++
	}
}
