// Package sigv4 verifies and makes AWS Signature Version 4, as S3 and its directory buckets use it.
package sigv4
