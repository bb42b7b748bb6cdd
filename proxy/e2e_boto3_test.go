package main

import (
	"os/exec"
	"testing"

	"sealfront/proxy/proxytest"
)

func journeyOfBoto3(t *testing.T, j *journey) {
	python := proxytest.ProgramPath(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		proxytest.MissingPython(t, "python3 has no boto3")
	}
	j.script(t, nil, python, "boto3_journey.py")
}
