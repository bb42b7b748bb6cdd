package gateway

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// A form POST is an upload by a browser. What another request has in its header and signs, it has in fields in front of
// the file, and a policy, which is what is signed, says which fields it may have. So it is decided in two steps: by the
// address alone, before the body; and as a PutObject, once the fields are read and before the file is.

// postObject carries out PostObject: the fields become the request's header, the file its body.
func postObject(x *exchange) error {
	h := &x.ctx.Request.Header
	if h.ContentLength() < 0 || x.grant.Bytes("content-length") == nil {
		return s3.MissingContentLength()
	}
	boundary, err := sigv4.FormBoundary(x.grant.Bytes("content-type"))
	if err != nil {
		return err
	}
	if x.body.stream == nil {
		x.body.stream = noBody{}
	}
	form, err := readForm(x.body.stream, int64(h.ContentLength()), boundary)
	if err != nil {
		return err
	}
	defer form.wipe()
	answer, document, err := x.decideForm(form)
	if err != nil {
		return err
	}
	if err := x.chargeMemory(form.wholeSize()); err != nil {
		return err
	}
	if err := form.findFile(); err != nil {
		return err
	}
	if err := document.CheckSize(form.size); err != nil {
		return err
	}
	x.body.form, x.body.stream = form, form
	if err := putObject(x); err != nil {
		return err
	}
	return x.answerForm(answer)
}

// formAnswer is the answer that the form requests.
type formAnswer struct{ status, redirect string }

// decideForm decides what is decided about other requests before their bodies. The file is read afterwards.
func (x *exchange) decideForm(form *formReader) (answer formAnswer, document *sigv4.PolicyDocument, err error) {
	document, err = x.grant.CheckForm(x.context, &access.Form{
		Fields: form.fields,
		Name:   form.nameFile,
		Header: func() (header []sigv4.Field, key string, err error) {
			answer, header, key, err = takeFields(form)
			return header, key, err
		},
	})
	x.setObject()
	return answer, document, err
}

// nameFile puts the file's name, without its path, where fields have the variable. The policy is checked against the
// result, so that a file's name can't exceed what the policy allows.
func (form *formReader) nameFile() {
	const variable = "${filename}"
	name := form.fileName[strings.LastIndexAny(form.fileName, `/\`)+1:]
	for i := range form.fields {
		f := &form.fields[i]
		if !strings.EqualFold(s3.View(f.Name), "policy") && strings.Contains(s3.View(f.Value), variable) {
			f.Value = []byte(strings.ReplaceAll(s3.View(f.Value), variable, name))
		}
	}
}

// formHeaders are the fields, in addition to x-amz-*, that represent headers. Source: POST, "HTML Form Fields".
var formHeaders = map[string]string{
	"acl": "x-amz-acl", "cache-control": "cache-control", "content-type": "content-type",
	"content-disposition": "content-disposition", "content-encoding": "content-encoding",
	"content-language": "content-language",
	"content-md5":      "content-md5", "expires": "expires",
}

// takeFields returns the form's fields that represent headers, as header fields, and its key.
func takeFields(form *formReader) (answer formAnswer, fields []sigv4.Field, key string, err error) {
	fields = make([]sigv4.Field, 0, len(form.fields))
	hasKey := false
	for i := range form.fields {
		f := &form.fields[i]
		name := strings.ToLower(string(f.Name))
		switch name {
		case "key":
			key, hasKey = string(f.Value), true
		case "success_action_status":
			answer.status = string(f.Value)
		case "success_action_redirect", "redirect":
			answer.redirect = string(f.Value)
		case "tagging":
			tags, refused := policy.ParseBucketTagging(f.Value) // the document of PutObjectTagging
			if refused != nil {
				return answer, nil, "", refused
			}
			fields = append(fields, sigv4.Field{Name: []byte(objects.TagsHeader), Value: []byte(objects.EncodeTags(tags))})
		default:
			header := formHeaders[name]
			if strings.HasPrefix(name, "x-amz-") {
				header = name
			}
			if header == "" {
				continue
			}
			if !s3.IsHeaderText(f.Value) {
				return answer, nil, "",
					s3.InvalidArgument(name, strings.ToValidUTF8(string(f.Value), "\uFFFD"), "The field can't stand for a header.")
			}
			fields = append(fields, sigv4.Field{Name: []byte(header), Value: f.Value})
		}
	}
	switch {
	case !hasKey:
		return answer, nil, "",
			s3.InvalidArgument("key", "",
				"Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	case key == "":
		return answer, nil, "", s3.InvalidArgument("key", "", "User key must have a length greater than 0.")
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return answer, nil, "",
			s3.InvalidURI(key)
	}
	return answer, fields, key, nil
}

// answerForm answers a form whose object has been stored.
func (x *exchange) answerForm(a formAnswer) error {
	resp := &x.ctx.Response
	etag := string(resp.Header.Peek("ETag"))
	location := x.objectURL()
	if to, err := url.Parse(a.redirect); err == nil && (to.Scheme == "http" || to.Scheme == "https") && to.Host != "" {
		query := "bucket=" + url.QueryEscape(x.Bucket) + "&key=" + url.QueryEscape(x.Key) + "&etag=" + url.QueryEscape(etag)
		if to.RawQuery != "" {
			query = to.RawQuery + "&" + query
		}
		to.RawQuery = query
		resp.Header.Set("Location", to.String())
		resp.SetStatusCode(http.StatusSeeOther)
		return nil
	}
	resp.Header.Set("Location", location)
	switch a.status {
	case "200":
		return nil
	case "201":
		resp.SetStatusCode(http.StatusCreated)
		return x.answerXML(&struct {
			XMLName                     xml.Name `xml:"PostResponse"`
			Location, Bucket, Key, ETag string
		}{Location: location, Bucket: x.Bucket, Key: x.Key, ETag: etag})
	}
	resp.SetStatusCode(http.StatusNoContent)
	return nil
}

// objectURL is the object's URL, in the style in which the form was sent.
func (x *exchange) objectURL() string {
	u := url.URL{Scheme: "http", Path: "/" + x.Key}
	for i := range x.grant.Message.Header {
		if f := &x.grant.Message.Header[i]; strings.EqualFold(s3.View(f.Name), "host") {
			u.Host = strings.TrimSpace(string(f.Value))
		}
	}
	if x.grant.Rules.TLS {
		u.Scheme = "https"
	}
	if !strings.HasPrefix(u.Host, x.Bucket+".") {
		u.Path = "/" + x.Bucket + u.Path
	}
	return u.String()
}
