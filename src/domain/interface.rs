//! The interfaces over which queries come in.

/// How a query came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// CheckProvider: one query a call.
    GrpcUnary,
    /// CheckProviders: many queries in one call.
    GrpcBatch,
    /// CheckStream: queries on a stream.
    GrpcStream,
    /// HTTP.
    Http,
    /// One of rmdd's own commands, over gRPC: what people ask, and no call. It is the client that says so, which labels
    /// what it asks and gives it no right.
    Cli,
}

impl Interface {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::GrpcUnary, Self::GrpcBatch, Self::GrpcStream, Self::Http, Self::Cli];

    /// The word in metrics and in the decision log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GrpcUnary => "grpc_unary",
            Self::GrpcBatch => "grpc_batch",
            Self::GrpcStream => "grpc_stream",
            Self::Http => "http",
            Self::Cli => "cli",
        }
    }
}
