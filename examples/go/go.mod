module example.com/rmdd-client

go 1.19

require (
	google.golang.org/genproto/googleapis/rpc v0.0.0-20231106174013-bbf56f31fb17
	google.golang.org/grpc v1.60.1
	google.golang.org/protobuf v1.33.0
)
