module lab/base

go 1.25.0
