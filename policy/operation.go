package policy

// String returns S3's name of the operation, "" for the zero value.
func (o Operation) String() string {
	if int(o) < len(operationNames) {
		return operationNames[o]
	}
	return ""
}

// Zonal reports whether directory buckets answer the operation at a zonal endpoint, where
// s3express:CreateSession alone decides.
func (o Operation) Zonal() bool { return operations[o].is&zonal != 0 }

// Regional reports whether the operation belongs to the regional endpoint, where every operation has
// a permission of its own. Neither Zonal nor Regional holds for what directory buckets don't have.
func (o Operation) Regional() bool { return operations[o].is&regional != 0 }

// Reads reports whether the operation leaves buckets and objects as they are.
func (o Operation) Reads() bool { return operations[o].is&writes == 0 }

// Writes reports whether the operation changes a bucket or an object.
func (o Operation) Writes() bool { return operations[o].is&writes != 0 }

// AllowedReadOnly reports whether a ReadOnly session may be used for the operation (section 3.2).
func (o Operation) AllowedReadOnly() bool { return operations[o].is&readOnly != 0 }

// LongTermOnly reports whether directory buckets refuse session credentials for the operation.
func (o Operation) LongTermOnly() bool { return operations[o].is&longTerm != 0 }

// TakesEncryption reports whether the operation accepts the server-side encryption request headers.
func (o Operation) TakesEncryption() bool { return operations[o].is&takesSSE != 0 }

// OpensObject reports whether the answer depends on the contents of a sealed object, so that a read
// of an SSE-KMS object needs TLS, SigV4 and the caller's KMS permissions.
func (o Operation) OpensObject() bool { return operations[o].is&opens != 0 }

// SealsObject reports whether the operation writes contents of an object.
func (o Operation) SealsObject() bool { return operations[o].is&seals != 0 }

// RewrapsObject reports whether the operation changes the KMS key that an object is sealed under, and not its contents.
func (o Operation) RewrapsObject() bool { return operations[o].is&rewraps != 0 }

// OnVersion reports whether the operation may name a version of an object that isn't the current one.
func (o Operation) OnVersion() bool { return operations[o].is&versioned != 0 }

// SetsTags reports whether a document in the request's body sets tags of the bucket.
func (o Operation) SetsTags() bool { return operations[o].is&setsTags != 0 }

// OnObject reports whether the operation's path names a key.
func (o Operation) OnObject() bool { return operations[o].at == onObject }

// Supports reports whether buckets of kind k have the operation at all; what they don't have is
// answered 501 NotImplemented by Classify.
func (o Operation) Supports(k Kind) bool {
	is := operations[o].is
	switch k {
	case Service:
		return operations[o].at == onService
	case Directory:
		return is&directory != 0
	default:
		return is&general != 0
	}
}

// Operations calls yield for every operation, in the order of their values, until it returns false.
func Operations(yield func(Operation) bool) {
	for o := Operation(1); o < numOperations; o++ {
		if !yield(o) {
			return
		}
	}
}

// ParseOperation returns the operation with S3's name.
func ParseOperation(name string) (Operation, bool) {
	for o := Operation(1); o < numOperations; o++ {
		if operationNames[o] == name {
			return o, true
		}
	}
	return 0, false
}
