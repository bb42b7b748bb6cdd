package s3_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"sealfront/proxy/s3"
)

// Two grammars: a flat one, and one whose elements are in others. Both are shaped as those of the gateway are.
var (
	retention = s3.Grammar{
		Root: "Retention", Alias: "ObjectLockRetention", Unsupported: []string{"EventHold"},
		Paths: []string{"Mode", "RetainUntilDate"},
	}
	lifecycle = s3.Grammar{
		Root: "LifecycleConfiguration", Unsupported: []string{"Transition"},
		Paths: []string{
			"Rule/ID", "Rule/Filter/Prefix", "Rule/Filter/Tag/Key", "Rule/Filter/And/Prefix", "Rule/Filter/And/Tag/Key",
			"Rule/Filter/And/Tag/Value", "Rule/Expiration/Days",
		},
	}
)

func TestDocumentsPassByTheirGrammar(t *testing.T) {
	for _, c := range []struct {
		document string
		strict   bool
		want     string // "" for a refusal
	}{
		{`<Retention><Mode>GOVERNANCE</Mode></Retention>`, true, `<Mode>GOVERNANCE</Mode>`},
		{
			"<?xml version=\"1.0\"?>\n<r:Retention xmlns:r=\"x\" a=\"b\">\n <Mode c=\"d\">G&amp;&lt;</Mode>\n</r:Retention>",
			true,
			`<Mode>G&amp;&lt;</Mode>`,
		},
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
	transition := []byte(`<LifecycleConfiguration><Rule><Transition/></Rule></LifecycleConfiguration>`)
	if _, err := lifecycle.Rewrite(transition, true); !errors.Is(err, s3.ErrUnsupported) {
		t.Errorf("a transition: %v", err)
	}
}

// What comes out is well-formed, has nothing that the grammar lacks, and goes through again unchanged.
func FuzzGrammar(f *testing.F) {
	for _, seed := range []string{
		`<LifecycleConfiguration><Rule><ID>a</ID><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And>` +
			`</Filter></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule>t<X><ID/></X></Rule></LifecycleConfiguration>`, `<a><b/></a>`,
		`<LifecycleConfiguration/><x/>`,
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

// What a client's document may not have is refused by its name, by the first of the strangers.
func TestElementsThatAGrammarLacksAreRefused(t *testing.T) {
	stranger := func(name string) s3.Stranger { return s3.Stranger{XMLName: xml.Name{Local: name}} }
	for name, c := range map[string]struct {
		below     []string
		strangers []s3.Stranger
		want      string
		cause     error
	}{
		"none":                           {nil, nil, "", nil},
		"one that the grammar has":       {[]string{"Rule"}, []s3.Stranger{stranger("ID")}, "", nil},
		"one that the grammar has below": {nil, []s3.Stranger{stranger("Rule")}, "", nil},
		"one that S3 has and nobody supports": {
			[]string{"Rule"},
			[]s3.Stranger{stranger("ID"), stranger("Transition")},
			"NotImplemented", s3.ErrUnsupported,
		},
		"one that nobody has": {
			[]string{"Rule"},
			[]s3.Stranger{stranger("Nothing"), stranger("Transition")},
			"MalformedXML", nil,
		},
		"one that has its place elsewhere": {nil, []s3.Stranger{stranger("ID")}, "MalformedXML", nil},
	} {
		err := lifecycle.RefuseStrangers(c.strangers, c.below...)
		e := s3.ErrorIn(err)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if e == nil || e.Code != c.want || c.cause != nil && !errors.Is(err, c.cause) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	refused := s3.ErrorIn(lifecycle.Refuse("Rule", "Transition"))
	if want := (s3.Element{Name: "Element", Value: "Transition"}); len(refused.Elements) != 1 ||
		refused.Elements[0] != want ||
		!strings.Contains(refused.Message, "Transition") {
		t.Errorf("the refusal doesn't name the element: %+v", refused)
	}
}

// Only the end of a path has text.
func TestAGrammarTellsLeavesFromOtherElements(t *testing.T) {
	for path, want := range map[string][2]bool{
		"Rule": {true, false}, "Rule/Filter": {true, false}, "Rule/ID": {true, true},
		"Rule/Filter/And/Tag/Key": {true, true},
		"ID":                      {}, "Rule/I": {}, "Rule/ID/More": {}, "": {},
	} {
		if known, leaf := lifecycle.Has(path); known != want[0] || leaf != want[1] {
			t.Errorf("%q: known %t, a leaf %t, want %v", path, known, leaf, want)
		}
	}
}
