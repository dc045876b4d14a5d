module example.com/headgatemock

go 1.21
