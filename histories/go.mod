module github.com/ste-go/ste/histories

go 1.25.0

replace github.com/ste-go/ste => ../

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/ste-go/ste v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.42.0 // indirect
)
