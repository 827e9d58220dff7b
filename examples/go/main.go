// Command rmdd-client asks rmdd over gRPC whether calls may be accepted.
//
//	go generate && go mod tidy && go run . 0020237343 RMD0001410 TG-Acme-1
//	go run . -emergency TG-Acme-1
//
// go generate makes package rmddv1 from the protos, in rmdd/v1; it takes protoc, protoc-gen-go and protoc-gen-go-grpc (Debian:
// protobuf-compiler; go install google.golang.org/protobuf/cmd/protoc-gen-go@latest and
// google.golang.org/grpc/cmd/protoc-gen-go-grpc@latest).
package main

//go:generate protoc -I ../../proto --go_out=. --go_opt=paths=source_relative,Mrmdd/v1/acceptance.proto=example.com/rmdd-client/rmdd/v1;rmddv1,Mrmdd/v1/common.proto=example.com/rmdd-client/rmdd/v1;rmddv1 --go-grpc_out=. --go-grpc_opt=paths=source_relative,Mrmdd/v1/acceptance.proto=example.com/rmdd-client/rmdd/v1;rmddv1,Mrmdd/v1/common.proto=example.com/rmdd-client/rmdd/v1;rmddv1 rmdd/v1/acceptance.proto rmdd/v1/common.proto

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "example.com/rmdd-client/rmdd/v1"
)

// How long a call may wait. rmdd answers within a millisecond; this is for when it hangs.
const patience = 500 * time.Millisecond

// question names a provider by a number or a name. Whoever knows which it is says so instead.
func question(who string) *pb.CheckProviderRequest {
	digits := strings.ReplaceAll(who, "-", "")
	isNumber := len(digits) == 10 && strings.Trim(digits, "0123456789") == ""
	switch {
	case strings.HasPrefix(strings.ToUpper(who), "RMD"):
		return &pb.CheckProviderRequest{Identity: &pb.CheckProviderRequest_RmdNumber{RmdNumber: who}}
	case isNumber:
		return &pb.CheckProviderRequest{Identity: &pb.CheckProviderRequest_Frn{Frn: who}}
	default:
		return &pb.CheckProviderRequest{Identity: &pb.CheckProviderRequest_Peer{Peer: who}}
	}
}

// reason is the word to act on: of the ErrorInfo if rmdd answered, else gRPC's own.
func reason(err error) string {
	told := status.Convert(err)
	for _, detail := range told.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return told.Code().String()
}

func run() int {
	target := flag.String("target", "127.0.0.1:7633", "where rmdd answers")
	callerID := flag.String("caller-id", "", "the calling number")
	emergency := flag.Bool("emergency", false, "the call goes to 911: it is never refused")
	flag.Parse()

	// One connection for as long as the program runs; goroutines may share it.
	connection, err := grpc.NewClient(*target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer connection.Close()
	acceptance := pb.NewAcceptanceServiceClient(connection)

	exit := 0
	for _, who := range flag.Args() {
		request := question(who)
		request.CallerId = *callerID
		request.Emergency = *emergency
		request.Detail = pb.AnswerDetail_ANSWER_DETAIL_FULL
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		answer, err := acceptance.CheckProvider(ctx, request)
		cancel()
		switch {
		case err != nil:
			// Never a reason to refuse a call to 911.
			fmt.Printf("%s: no verdict: %s: %s\n", who, reason(err), status.Convert(err).Message())
			exit = 2
		case answer.Verdict == pb.Verdict_VERDICT_ACCEPT:
			fmt.Printf("%s: ACCEPT %s: %s\n", who, strings.TrimPrefix(answer.Reason.String(), "REASON_"), answer.Message)
		default:
			fmt.Printf("%s: REFUSE %s: %s\n", who, strings.TrimPrefix(answer.Reason.String(), "REASON_"), answer.Message)
			exit = max(exit, 1)
		}
	}
	return exit
}

func main() {
	os.Exit(run())
}
