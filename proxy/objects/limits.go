package objects

// MaxListing bounds the store's page of 1,000 keys of up to 1,024 bytes, three times that when encoded.
const MaxListing = 16 << 20

// MaxDocument bounds the XML bodies of bucket operations, in bytes.
const MaxDocument = 64 << 10
