package main

import (
	"os/exec"
	"testing"
)

func journeyOfBoto3(t *testing.T, j *journey) {
	python := programPath(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		missingPython(t, "python3 has no boto3")
	}
	j.script(t, nil, python, "boto3_journey.py")
}
