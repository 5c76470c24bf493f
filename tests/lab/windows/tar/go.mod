module tar

go 1.26.0
