package policy

// place is a query parameter at a level: "tagging" selects another operation on a bucket than on an object.
type place struct {
	at   level
	name string
}

// route is how an operation is recognised when nothing but method and query is needed.
type route struct {
	method string
	place
}

// subresources are the query parameters that select an operation.
var subresources = func() map[place]struct{} {
	set := make(map[place]struct{})
	for _, o := range operations {
		if o.query != "" {
			set[place{o.at, o.query}] = struct{}{}
		}
	}
	return set
}()

// routes are the operations by how they are recognised, but for three that distinguish knows.
var routes = func() map[route]Operation {
	by := make(map[route]Operation)
	for op := numOperations - 1; op > 0; op-- {
		if op != ListDirectoryBuckets && op != CopyObject && op != UploadPartCopy {
			o := &operations[op]
			by[route{o.method, place{o.at, o.query}}] = op
		}
	}
	return by
}()

var methods = [...]string{"GET", "HEAD", "PUT", "POST", "DELETE"}
