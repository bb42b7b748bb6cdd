package crypto

// S3's own words for what the format has numbers for.

// String returns the algorithm's name in S3's headers and XML, "" for none.
func (a Algorithm) String() string {
	switch a {
	case CRC32:
		return "CRC32"
	case CRC32C:
		return "CRC32C"
	case CRC64NVME:
		return "CRC64NVME"
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	case MD5:
		return "MD5"
	case XXHASH64:
		return "XXHASH64"
	case XXHASH3:
		return "XXHASH3"
	case XXHASH128:
		return "XXHASH128"
	}
	return ""
}

// String returns FULL_OBJECT or COMPOSITE, "" for none.
func (t ChecksumType) String() string {
	switch t {
	case FullObject:
		return "FULL_OBJECT"
	case Composite:
		return "COMPOSITE"
	}
	return ""
}

// String returns AES256 or aws:kms, the values of x-amz-server-side-encryption, "" for none.
func (s SSE) String() string {
	switch s {
	case SSES3:
		return "AES256"
	case SSEKMS:
		return "aws:kms"
	}
	return ""
}
