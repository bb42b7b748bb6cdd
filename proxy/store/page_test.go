package store_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sealfront/policy/xmldoc"
	"sealfront/proxy/store"
)

func pageOf(objects int) []byte {
	var b strings.Builder
	b.WriteString(xml.Header + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>` +
		`<Prefix></Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>` +
		`<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>`)
	for i := range objects {
		fmt.Fprintf(&b, `<Contents><Key>dir/key-%06d</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>`+
			`<ETag>&quot;%032x&quot;</ETag><Size>%d</Size>`+
			`<Owner><ID>1</ID><DisplayName>one</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>`,
			i, i, 4198+i)
	}
	b.WriteString("<CommonPrefixes><Prefix>other/</Prefix></CommonPrefixes></ListBucketResult>")
	return []byte(b.String())
}

// pages are documents of which some are read in one pass and some by encoding/xml.
var pages = []string{
	string(pageOf(3)),
	`<R><Contents/><CommonPrefixes/></R>`,
	`<R/>`,
	"<R>\n  <Contents>\n    <Key>a</Key>\n  </Contents>\n</R>\n",
	"<R>\r\n<Contents><Key>a\r\nb</Key></Contents></R>",
	`<R><Contents><Key>a<!-- b -->c</Key></Contents></R>`,
	`<R><Contents><Key><![CDATA[a&b]]></Key></Contents></R>`,
	`<R><Contents><Key>&#x41;&#66;&bad;</Key></Contents></R>`,
	`<R><Contents><Key>&#x41;&#66;&lt;</Key></Contents></R>`,
	`<R xmlns:x="y"><x:Contents><x:Key>a</x:Key></x:Contents></R>`,
	`<R a="b"><Contents><Key c='d>'>a</Key></Contents></R>`,
	`<R><Contents><Key>a</Key><Key>b</Key><Size> 12 </Size></Contents><Contents><Size></Size></Contents></R>`,
	`<R><Contents><Size>12a</Size></Contents></R>`,
	`<R><IsTruncated>maybe</IsTruncated></R>`,
	`<R><IsTruncated></IsTruncated></R>`,
	`<R><Contents><Key>a</Kez></Contents></R>`,
	`<R><Contents><Key>a</Key></Contents>`,
	`<R><Contents><Key>ü</Key></Contents></R>`,
	"<R><Contents><Key>\x01</Key></Contents></R>",
	"<R><Contents><Key>\xff</Key></Contents></R>",
	`<R><Contents><Key>]]></Key></Contents></R>`,
	`<R><Contents><Key>a<b>c</b>d</Key></Contents></R>`,
	`<R><Contents><Owner>x<ID>1</ID></Owner><Owner/></Contents></R>`,
	`<R><Contents><Unknown><Key>no</Key></Unknown><Key>yes</Key></Contents></R>`,
	`<R><Contents>text<Key>a</Key></Contents></R>`,
	`<?xml version="1.1"?><R><NextMarker>m</NextMarker></R>`,
	`<R></R><R>`, `<A><!0></A>`, `<R><?p i?></R>`,
	``, `<`, `<>`, `< R/>`, `<R`, `</R>`, `<R></R `, `<R><`,
}

// beyond are the errors of documents that encoding/xml reads and package xmldoc doesn't.
var beyond = []error{
	xmldoc.ErrTooDeep, xmldoc.ErrTooMany, xmldoc.ErrLongName, xmldoc.ErrAttributes, xmldoc.ErrLongToken,
	xmldoc.ErrTooLong, xmldoc.ErrNotPlain,
}

// A page read in one pass is what encoding/xml makes of it, unless it is beyond the bounds of all documents.
func checkPage(t *testing.T, document []byte) {
	t.Helper()
	var want store.Page
	wantErr := xml.Unmarshal(document, &want)
	got, err := store.ParsePage(document)
	if slices.ContainsFunc(beyond, func(bound error) bool { return errors.Is(err, bound) }) {
		return
	}
	if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(*got, want) {
		t.Errorf("%q:\n%+v, %v\nencoding/xml: %+v, %v", document, got, err, want, wantErr)
	}
}

func TestPagesAreReadAsXML(t *testing.T) {
	for _, p := range pages {
		checkPage(t, []byte(p))
	}
	page, err := store.ParsePage(pageOf(1000))
	if err != nil || len(page.Contents) != 1000 || page.Contents[7].Key != "dir/key-000007" ||
		page.NextContinuationToken != "a&b" {
		t.Errorf("%+v, %v", page, err)
	}
}

func FuzzParsePage(f *testing.F) {
	for _, p := range pages {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, document []byte) { checkPage(t, document) })
}

// BenchmarkParsePage reads a page of 1,000 keys; the floor is what it saves.
func BenchmarkParsePage(b *testing.B) {
	document := pageOf(1000)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(document)))
		for b.Loop() {
			if _, err := store.ParsePage(document); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/xml", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(document)))
		for b.Loop() {
			if err := xml.Unmarshal(document, new(store.Page)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
