package policy

// rowTexts says in a sentence why each row of the behaviour reference decides as it does. Ids are those
// of the reference's tables; a number is a section, U- and C- are its open points. GP and UE rows are ours.
var rowTexts = map[string]string{
	"H-1":  "x-amz-server-side-encryption has a value that S3 doesn't know; values are case-sensitive",
	"H-2":  "dual-layer encryption (aws:kms:dsse) doesn't exist here",
	"H-3":  "a KMS key may be named only together with x-amz-server-side-encryption: aws:kms",
	"H-4":  "an encryption context may be given only with aws:kms, or where SSE-KMS is in force anyway",
	"H-6":  "the encryption context isn't base64 of a JSON object with string values",
	"H-9":  "the encryption context of a directory bucket is the bucket ARN and nothing else",
	"H-11": "bucket keys are always on in a directory bucket, so they can't be switched off",
	"H-12": "the bucket key header is neither true nor false",
	"H-13": "encryption with customer-provided keys (SSE-C) isn't supported",
	"H-15": "an alias can't name the key of a directory bucket, even if it points to the right one",
	"H-16": "a directory bucket has one customer managed key for its life, and this is another",
	"H-17": "an encryption header was given twice with different values",

	"CS-1":  "without headers a session takes the bucket's default encryption",
	"CS-2":  "a session may always choose SSE-S3",
	"CS-3":  "aws:kms without a key means the bucket's key, if one was ever set",
	"CS-4":  "a session may choose SSE-KMS with the bucket's key (id), if one was ever set",
	"CS-5":  "a session may choose SSE-KMS with the bucket's key (ARN), if one was ever set",
	"CS-6":  "a session's key can't be named by an alias",
	"CS-7":  "a session's key must be the bucket's key",
	"CS-9":  "a session's encryption context must be the default one",
	"CS-10": "bucket keys are always on",

	"PUT-1":  "without headers an object takes the settings of the session, otherwise of the bucket",
	"PUT-2":  "AES256 must match the settings of the session",
	"PUT-3":  "aws:kms must match the settings of the session",
	"PUT-4":  "the bucket's key by id; must match the settings of the session",
	"PUT-5":  "the bucket's key by ARN; must match the settings of the session",
	"PUT-6":  "an alias can't name the key",
	"PUT-7":  "the key must be the bucket's key",
	"PUT-10": "aws:kms with the default encryption context; must match the settings of the session",
	"PUT-11": "aws:kms with another encryption context",
	"PUT-12": "aws:kms with a bucket key header; bucket keys are always on",
	"PUT-13": "a header alone that matches the settings in force",

	"CP-1":  "without headers a copy takes the destination bucket's default encryption",
	"CP-2":  "a copy may choose SSE-S3",
	"CP-3":  "a copy may choose SSE-KMS if the destination bucket ever had a key",
	"CP-4":  "a copy may choose SSE-KMS with the destination bucket's key, if one was ever set",
	"CP-5":  "the key of a copy must be the destination bucket's key, by id or ARN",
	"CP-8":  "the encryption context of a copy must be the default one of the destination bucket",
	"CP-9":  "copies use no bucket key; the header is ignored",
	"CP-10": "a copy of an object onto itself must change something",

	"UP-1":  "a part takes the settings of its upload, whatever the session's are",
	"UP-2":  "UploadPart takes no encryption headers",
	"UC-1":  "a copied part takes the settings of its upload, which equal the bucket's default",
	"UC-2":  "the settings of the upload differ from the bucket's default, so parts can't be copied into it",
	"UC-3":  "UploadPartCopy takes no encryption headers",
	"CM-1":  "the completed object has the settings of its upload",
	"CM-2":  "encryption headers mean nothing here and are ignored",
	"AP-1":  "what is appended is encrypted as the object is",
	"AP-2":  "what is appended would be encrypted in another way than the object is",
	"RN-1":  "a rename keeps the object's encryption",
	"DL-1":  "deleting has to do with no key",
	"G-1":   "encryption headers aren't accepted on reads",
	"G-2":   "a KMS key header isn't accepted on reads",
	"G-3":   "encryption context and bucket key headers aren't accepted on reads",
	"T-1":   "contents under SSE-KMS are written and read over TLS only",
	"T-2":   "SSE-KMS needs Signature Version 4; Signature Version 2 isn't supported at all",
	"T-3":   "this endpoint answers over TLS only",
	"T-4":   "anonymous requests have no access",
	"RD-6":  "Range and partNumber exclude each other",
	"RD-7":  "part numbers are 1 to 10,000",
	"SE-4":  "the session is for another bucket",
	"SE-8":  "a ReadOnly session can't write",
	"SE-9":  "the policies grant no session in this mode",
	"SE-12": "the session's bucket is gone",
	"REG-1": "changing a bucket needs a ReadWrite session",
	"REG-2": "the session was made before its bucket, and its principal hasn't made the bucket yet",
	"REG-3": "the bucket doesn't exist, and the principal may not create it",

	"PBE-1":  "default encryption becomes SSE-S3; the bucket stays bound to its key",
	"PBE-2":  "default encryption becomes SSE-KMS, and the key is the bucket's key from now on",
	"PBE-3":  "default encryption becomes SSE-KMS with the key the bucket has",
	"PBE-4":  "the bucket has a customer managed key already, for life",
	"PBE-5":  "SSE-KMS needs a customer managed key",
	"PBE-6":  "SSE-KMS needs the key to be named, also the second time",
	"PBE-7":  "AWS managed keys aren't supported",
	"PBE-8":  "the key of a directory bucket can't be named by an alias",
	"PBE-9":  "a key of another account must be named by its ARN",
	"PBE-10": "default encryption becomes SSE-KMS under a key of another account",
	"PBE-11": "the key's policy doesn't permit its use",
	"PBE-12": "the key is in another Region",
	"PBE-13": "there is no such key",
	"PBE-14": "the key isn't a symmetric encryption key",
	"PBE-15": "the key is disabled",
	"PBE-16": "the key can't be used in its state",
	"PBE-17": "dual-layer encryption doesn't exist for this bucket",
	"PBE-18": "SSE-S3 has no key to name",
	"PBE-19": "the body isn't one rule of the schema",
	"PBE-20": "a directory bucket's bucket keys can't be disabled",
	"PBE-21": "blocked encryption types are for general purpose buckets, which block SSE-C",
	"PBE-22": "the caller may not use the key",

	"KE-1": "the key is disabled",
	"KE-2": "the key can't be used in its state",
	"KE-3": "there is no such key",
	"KE-4": "the key isn't a symmetric encryption key",
	"KE-5": "the key's policy doesn't permit its use",
	"KE-6": "the key service asks for fewer requests",
	"KE-7": "the key service doesn't answer",
	"KE-8": "the key service doesn't recognise what was sealed: damaged or foreign data",

	generalDefault: "without headers an object takes the bucket's default encryption",
	generalManaged: "a general purpose bucket lets every request choose SSE-S3",
	generalKMS:     "a general purpose bucket lets every request choose a permitted KMS key",
	generalNoKey: "aws:kms without a key means the default's key, or the service key in place of the managed one " +
		"of Amazon S3",
	generalContext: "the default pair of the encryption context can't be replaced",
	generalAllowed: "the key isn't among those that general purpose buckets may use",

	updateAllowed:  "the object's data key is sealed anew, under the KMS key that the document names",
	updateHeaders:  "the document alone says how the object is encrypted, and there are no conditions",
	updateDocument: "the document isn't an ObjectEncryption",
	updateKind:     "an object's encryption can be changed to SSE-KMS only",
	updateKey:      "the KMS key must be named by its ARN",
	updateFlag:     "BucketKeyEnabled is neither true nor false",
	updateSame:     "the object has this encryption, so nothing is changed",
	updateLocked:   "Object Lock protects the object",

	"1.1":  "the bucket name isn't valid, or there is no such bucket",
	"1.2":  "the policies don't allow it",
	"1.5":  "there is no such operation at this path",
	"1.6":  "buckets of this kind don't have this",
	"1.7":  "buckets of this kind don't know this header or parameter, or not this value",
	"2.11": "encryption decides nothing here; responses say what is stored",
	"3.1":  "CreateSession doesn't accept this",
	"4.5":  "a response header was asked for that can't be written",
	"4.7":  "GetObjectAttributes must say which attributes",
	"6.1":  "a checksum of the body is required",
	"6.2":  "S3 doesn't accept this form of condition",
	"6.3":  "the append isn't well-formed",
	"6.4":  "the rename isn't well-formed",
	"6.5":  "the listing's parameters aren't what this bucket supports",
	"6.6":  "the multipart request isn't well-formed",
	"6.7":  "the copy isn't well-formed",
	"6.8":  "the key is too long or can't be a key",
	"6.9":  "the configuration of the new bucket isn't right for its name",
	"7.2":  "the bucket policy isn't valid",
	"C-01": "the two spellings of the bucket key header contradict each other",
	"U-17": "copies are never signed with a session",
}

// Why returns a sentence on the row of the behaviour reference with this id, "" for an unknown id.
func Why(row string) string { return rowTexts[row] }

// Rows of general purpose buckets, which the behaviour reference doesn't number.
const (
	generalDefault = "GP-1" // no header: the bucket's default
	generalManaged = "GP-2" // AES256
	generalKMS     = "GP-3" // aws:kms with a key
	generalNoKey   = "GP-4" // aws:kms without a key
	generalContext = "GP-5" // a context that can't be used
	generalAllowed = "GP-6" // a key that may not be used
)

// Rows of UpdateObjectEncryption, which general purpose buckets have and the behaviour reference doesn't number.
// Source: the operation's page in the API reference, which gives the texts.
const (
	updateAllowed  = "UE-1" // sealed under the key that is named
	updateHeaders  = "UE-2" // encryption headers or conditions
	updateDocument = "UE-3" // a document that isn't one
	updateKind     = "UE-4" // anything but SSE-KMS
	updateKey      = "UE-5" // no ARN of a KMS key
	updateFlag     = "UE-6" // BucketKeyEnabled
	updateSame     = "UE-7" // nothing to do
	updateLocked   = "UE-8" // Object Lock
)
