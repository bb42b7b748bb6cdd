package gateway

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"sealfront/proxy/s3"
)

func TestDocumentsPassByTheirGrammar(t *testing.T) {
	for _, c := range []struct {
		document string
		strict   bool
		want     string // "" for a refusal
	}{
		{`<Retention><Mode>GOVERNANCE</Mode></Retention>`, true, `<Mode>GOVERNANCE</Mode>`},
		{"<?xml version=\"1.0\"?>\n<r:Retention xmlns:r=\"x\" a=\"b\">\n <Mode c=\"d\">G&amp;&lt;</Mode>\n</r:Retention>", true, `<Mode>G&amp;&lt;</Mode>`},
		{`<Retention><Mode>G</Mode><Bucket>inner</Bucket></Retention>`, true, ``},
		{`<Retention><Mode>G</Mode><Bucket><Mode>inner</Mode></Bucket>inner</Retention>`, false, `<Mode>G</Mode>`},
		{`<Retention>inner<Mode>G</Mode></Retention>`, true, ``},
		{`<Retention><Mode>G<Mode>inner</Mode></Mode></Retention>`, true, ``},
		{`<Retention><Mode>G<Mode>inner</Mode>H</Mode></Retention>`, false, `<Mode>GH</Mode>`},
		{`<!-- inner --><Retention><!-- inner --><Mode>G</Mode></Retention>`, true, `<Mode>G</Mode>`},
		{`<Retention><Mode>G</Mode></Retention><Retention/>`, true, ``},
		{`<Retention><Mode>G</Mode></Retention>inner`, true, ``},
		{`<Retention></Retention><Mode>G</Mode>`, true, ``},
		{`<ObjectLockRetention><Mode>G</Mode></ObjectLockRetention>`, false, `<Mode>G</Mode>`},
		{`<ObjectLockRetention><Mode>G</Mode></ObjectLockRetention>`, true, ``},
		{`<Holding><Mode>G</Mode></Holding>`, false, ``},
		{`<Retention><Mode>G`, false, ``},
		{``, true, ``},
	} {
		got, err := retention.Rewrite([]byte(c.document), c.strict)
		want := `<Retention xmlns="` + s3.Namespace + `">` + c.want + `</Retention>`
		if c.want == "" && err == nil || c.want != "" && (err != nil || string(got) != want) {
			t.Errorf("%s: %s, %v", c.document, got, err)
		}
	}
	if _, err := lifecycle.Rewrite([]byte(`<LifecycleConfiguration><Rule><Transition/></Rule></LifecycleConfiguration>`), true); !errors.Is(err, s3.ErrLacking) {
		t.Errorf("a transition: %v", err)
	}
}

// What comes out is well-formed, has nothing that the grammar lacks, and goes through again unchanged.
func FuzzGrammar(f *testing.F) {
	for _, seed := range []string{
		`<LifecycleConfiguration><Rule><ID>a</ID><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule>t<X><ID/></X></Rule></LifecycleConfiguration>`, `<a><b/></a>`, `<LifecycleConfiguration/><x/>`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, document []byte, strict bool) {
		out, err := lifecycle.Rewrite(document, strict)
		if err != nil {
			if out != nil {
				t.Errorf("a refusal with %q", out)
			}
			return
		}
		again, err := lifecycle.Rewrite(out, true)
		if err != nil || !bytes.Equal(again, out) {
			t.Errorf("%q became %q, %v", out, again, err)
		}
		d := xml.NewDecoder(bytes.NewReader(out))
		var path []string
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", out, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				path = append(path, e.Name.Local)
				if known, _ := lifecycle.Has(strings.Join(path[1:], "/")); len(path) > 1 && !known {
					t.Errorf("%q has %v", out, path)
				}
			case xml.EndElement:
				path = path[:len(path)-1]
			}
		}
	})
}
