package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// https://cloud.google.com/bigquery/quotas#write-api-limits
const requestBytesMax = 10_000_000

// What stands for a row that BigQuery refuses for itself.
const refusedText = "refused_by_table"

type stream struct {
	table string
	next  int64
}

type writeServer struct {
	storagepb.UnimplementedBigQueryWriteServer
	fake *fake
}

// With f.mu held. An empty table stands for all.
func (f *fake) forgetStreams(table string) {
	for name, one := range f.streams {
		if table == "" || one.table == table {
			delete(f.streams, name)
		}
	}
}

func (s *writeServer) CreateWriteStream(_ context.Context, asked *storagepb.CreateWriteStreamRequest) (*storagepb.WriteStream, error) {
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	if s.fake.tables[asked.Parent] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found. Entity: %s", asked.Parent)
	}
	if asked.WriteStream.GetType() != storagepb.WriteStream_COMMITTED {
		return nil, status.Error(codes.InvalidArgument, "the fake has streams of the type COMMITTED alone")
	}
	s.fake.made++
	name := fmt.Sprintf("%s/streams/s%d", asked.Parent, s.fake.made)
	s.fake.streams[name] = &stream{table: asked.Parent}
	return &storagepb.WriteStream{Name: name, Type: storagepb.WriteStream_COMMITTED}, nil
}

func (s *writeServer) AppendRows(call storagepb.BigQueryWrite_AppendRowsServer) error {
	for {
		asked, err := call.Recv()
		if err != nil {
			return err
		}
		answer, err := s.append(asked)
		if err != nil {
			return err
		}
		if err := call.Send(answer); err != nil {
			return err
		}
	}
}

func refusal(code codes.Code, format string, values ...any) *storagepb.AppendRowsResponse {
	problem := &statuspb.Status{Code: int32(code), Message: fmt.Sprintf(format, values...)}
	return &storagepb.AppendRowsResponse{Response: &storagepb.AppendRowsResponse_Error{Error: problem}}
}

func (s *writeServer) append(asked *storagepb.AppendRowsRequest) (*storagepb.AppendRowsResponse, error) {
	if size := proto.Size(asked); size > requestBytesMax {
		return nil, status.Errorf(codes.InvalidArgument, "the request has %d bytes", size)
	}
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	target := s.fake.streams[asked.WriteStream]
	if target == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found. Entity: %s", asked.WriteStream)
	}
	if asked.Offset == nil {
		return nil, status.Error(codes.InvalidArgument, "Headgate always sends an offset")
	}
	if offset := asked.Offset.Value; offset < target.next {
		return refusal(codes.AlreadyExists, "The offset is within stream, expected offset %d, received %d", target.next, offset), nil
	} else if offset > target.next {
		return refusal(codes.OutOfRange, "The offset is beyond stream, expected offset %d, received %d", target.next, offset), nil
	}
	t := s.fake.tables[target.table]
	t.mu.Lock()
	defer t.mu.Unlock()
	rows, faults, err := decode(asked.GetProtoRows(), t.fields)
	if err != nil {
		return refusal(codes.InvalidArgument, "%s", err), nil
	}
	if len(faults) > 0 {
		answer := refusal(codes.InvalidArgument, "Errors found while processing rows")
		answer.RowErrors = faults
		return answer, nil
	}
	result := &storagepb.AppendRowsResponse_AppendResult{Offset: wrapperspb.Int64(target.next)}
	target.next += int64(len(rows))
	t.rows = append(t.rows, rows...)
	return &storagepb.AppendRowsResponse{Response: &storagepb.AppendRowsResponse_AppendResult_{AppendResult: result}}, nil
}

func decode(asked *storagepb.AppendRowsRequest_ProtoData, fields []field) ([]map[string]any, []*storagepb.RowError, error) {
	descriptor := asked.GetWriterSchema().GetProtoDescriptor()
	if descriptor == nil || len(asked.GetRows().GetSerializedRows()) == 0 {
		return nil, nil, fmt.Errorf("rows and their schema are needed")
	}
	syntax := "proto2"
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("rows.proto"), Syntax: &syntax, MessageType: []*descriptorpb.DescriptorProto{descriptor}}
	made, err := protodesc.NewFile(file, nil)
	if err != nil {
		return nil, nil, err
	}
	types := map[string]string{}
	for _, one := range fields {
		types[one.Name] = one.Type
	}
	message := made.Messages().Get(0)
	for at := range message.Fields().Len() {
		one := message.Fields().Get(at)
		if !isConvertible(one.Kind(), types[string(one.Name())]) {
			return nil, nil, fmt.Errorf("SCHEMA_MISMATCH_EXTRA_FIELDS: field %s (%s) of the rows, column %q", one.Name(), one.Kind(), types[string(one.Name())])
		}
	}
	var rows []map[string]any
	var faults []*storagepb.RowError
	for at, bytes := range asked.Rows.SerializedRows {
		row, fault := decodeRow(message, bytes, types)
		rows = append(rows, row)
		if fault != "" {
			faults = append(faults, &storagepb.RowError{Index: int64(at), Code: storagepb.RowError_FIELDS_ERROR, Message: fault})
		}
	}
	return rows, faults, nil
}

// https://cloud.google.com/bigquery/docs/supported-data-types
func isConvertible(kind protoreflect.Kind, column string) bool {
	switch column {
	case "STRING", "BIGNUMERIC":
		return kind == protoreflect.StringKind
	case "INTEGER", "TIMESTAMP":
		return kind == protoreflect.Int64Kind
	case "DATE":
		return kind == protoreflect.Int32Kind
	case "FLOAT":
		return kind == protoreflect.DoubleKind
	case "BOOLEAN":
		return kind == protoreflect.BoolKind
	}
	return false
}

var (
	bigNumeric = regexp.MustCompile(`^-?\d{1,38}(\.\d{1,38})?$`)
	earliest   = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest     = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

func decodeRow(descriptor protoreflect.MessageDescriptor, bytes []byte, types map[string]string) (map[string]any, string) {
	message := dynamicpb.NewMessage(descriptor)
	if err := proto.Unmarshal(bytes, message); err != nil {
		return nil, err.Error()
	}
	if len(message.GetUnknown()) > 0 {
		return nil, "the row has fields that its schema does not have"
	}
	row := map[string]any{}
	fault := ""
	message.Range(func(one protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		name := string(one.Name())
		row[name], fault = columnValue(types[name], value)
		return fault == ""
	})
	return row, fault
}

func columnValue(column string, value protoreflect.Value) (any, string) {
	switch column {
	case "TIMESTAMP", "DATE":
		at := time.UnixMicro(value.Int()).UTC()
		if column == "DATE" {
			at = time.Unix(value.Int()*24*60*60, 0).UTC()
		}
		if at.Before(earliest) || !at.Before(latest) {
			return nil, "the time is out of range"
		}
		if column == "DATE" {
			return at.Format(time.DateOnly), ""
		}
		return at.Format("2006-01-02T15:04:05.000000Z"), ""
	case "INTEGER":
		return fmt.Sprint(value.Int()), ""
	case "BIGNUMERIC":
		if !bigNumeric.MatchString(value.String()) {
			return nil, "not a BIGNUMERIC: " + value.String()
		}
		return value.String(), ""
	case "STRING":
		if strings.Contains(value.String(), refusedText) {
			return nil, "refused by the table"
		}
		return value.String(), ""
	}
	return value.Interface(), ""
}
