module granary/bindings/go

go 1.21
