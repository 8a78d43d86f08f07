module runc-bounded

go 1.21
