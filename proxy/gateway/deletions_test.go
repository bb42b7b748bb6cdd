package gateway

import (
	"encoding/xml"
	"reflect"
	"strings"
	"testing"
)

// What is taken for a list of keys is one: written again it reads as the same list, within S3's limits, and nothing
// that follows it or stands between is passed over.
func FuzzDeletions(f *testing.F) {
	for _, seed := range []string{
		"<Delete><Object><Key>a</Key></Object></Delete>",
		`<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a&amp;b&#xD;</Key><ETag>"e"</ETag><Size>5</Size></Object><Object><Key>é</Key></Object></Delete>`,
		"<Delete><Object><Key>a</Key></Object></Delete><Delete/>", "<Delete>text<Object><Key>a</Key></Object></Delete>",
		"<Delete><Object/></Delete>", "",
		"<!DOCTYPE Delete [<!ENTITY a 'b'>]><Delete><Object><Key>&a;</Key></Object></Delete>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		list, quiet, err := parseDeletions(strings.NewReader(document), true)
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > maxDeletions {
			t.Fatalf("%d keys", len(list))
		}
		again, err := xml.Marshal(struct {
			XMLName xml.Name `xml:"Delete"`
			Quiet   bool
			Object  []deletion
		}{Quiet: quiet, Object: list})
		if err != nil {
			t.Fatal(err)
		}
		second, secondQuiet, err := parseDeletions(strings.NewReader(string(again)), true)
		if err != nil || len(second) != len(list) || secondQuiet != quiet {
			t.Fatalf("%q reads as %d keys, then %d: %v", document, len(list), len(second), err)
		}
		for i := range list {
			if strings.TrimSpace(list[i].Key) == "" {
				t.Fatalf("a key of white space: %q", list[i].Key)
			}
			if !reflect.DeepEqual(second[i], list[i]) {
				t.Fatalf("%+v, then %+v", list[i], second[i])
			}
		}
	})
}
