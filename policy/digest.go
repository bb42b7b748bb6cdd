package policy

import "strings"

// digest is what one pass over headers and query leaves: the values that rules read, by number.
type digest struct {
	at   level // what the request names; of S3 Control, the bucket in its ARN
	kind Kind  // of the request's bucket

	present, clashing uint64 // bit sets of headerID: was given; was given with different values
	asked, repeated   uint64 // bit sets of queryID, likewise
	headers           [numHeaders]string
	queries           [numQueries]string
	subresource       [2]string // the first two distinct parameters that select an operation
	checksum          bool      // some x-amz-checksum-… value or trailer is announced
	stranger          string    // a header that promises what nobody here knows, "" for none
	flag              string    // a parameter without a value that nobody here knows, likewise
	unreadable        string    // a response-… value that can't be a header, by its parameter's name
}

func (d *digest) has(id headerID) bool      { return d.present&(1<<id) != 0 }
func (d *digest) asks(id queryID) bool      { return d.asked&(1<<id) != 0 }
func (d *digest) header(id headerID) string { return d.headers[id] }
func (d *digest) query(id queryID) string   { return d.queries[id] }

// observeHeader takes note of one header field.
func (d *digest) observeHeader(name, value string) bool {
	id, known := headerIDOf(name)
	if !known {
		if len(name) > len(checksumPrefix) && beginsFolded(name, checksumPrefix) || equalFolded(name, trailerHeader) {
			d.checksum = true
		}
		if d.stranger == "" {
			d.stranger = promises(name)
		}
		return true
	}
	switch {
	case id == hObjectAttributes && d.has(id):
		d.headers[id] += "," + value // a list: some SDKs send a line an attribute
		return true
	case d.has(id) && d.headers[id] != value:
		d.clashing |= 1 << id
		return true
	}
	d.present |= 1 << id
	d.headers[id] = value
	return true
}

// observeQuery takes note of one query parameter.
func (d *digest) observeQuery(name, value string) bool {
	if len(name) > len(amzPrefix) && beginsFolded(name, amzPrefix) {
		return d.observeHeader(name, value)
	}
	id, known := queryIDs[name]
	if known {
		if d.asks(id) && d.queries[id] != value {
			d.repeated |= 1 << id
		} else {
			d.asked |= 1 << id
			d.queries[id] = value
		}
	}
	if d.at != onService {
		_, selects := subresources[place{d.at, name}]
		if name == queryNames[qSessionFlag] && d.kind == General {
			selects = false // general purpose buckets ignore the flag: section 3.1
		}
		if !selects && !known && value == "" && d.flag == "" && !mayBeEmpty(name) {
			d.flag = name
		}
		if selects && name != d.subresource[0] {
			if d.subresource[0] == "" {
				d.subresource[0] = name
			} else if d.subresource[1] == "" {
				d.subresource[1] = name
			}
		}
	}
	if header, of := strings.CutPrefix(name, "response-"); of && header != "" && !latin1(value) {
		d.unreadable = name
	}
	return true
}

// latin1 reports whether value, UTF-8, can be sent as a header: visible ISO 8859-1 characters, blanks
// and tabs. A line break would let the query write headers of its own.
func latin1(value string) bool {
	for _, c := range value {
		if c > 0xff || c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// promises returns the lower-case name of a header that promises what nobody here knows, "" for others. name has no
// headerID.
func promises(name string) string {
	if !isPromise(name) {
		return ""
	}
	return strings.ToLower(name)
}
