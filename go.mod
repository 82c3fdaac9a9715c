module github.com/leakscan/leakscan

go 1.26
