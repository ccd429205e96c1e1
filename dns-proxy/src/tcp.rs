//! Lookups of one TCP client. They do not wait for each other: answers come in the order in which they are ready.

use crate::{
    connections::Connection,
    lookup::{Judged, Shared},
    upstream,
};
use palisade::Protocol;
use std::{rc::Rc, sync::Arc};
use tokio::{
    io::AsyncWrite,
    net::TcpStream,
    sync::{
        Semaphore,
        mpsc::{Receiver, Sender, channel},
    },
    task::spawn_local,
    time::timeout,
};

/// Lookups of one connection that are in flight. Further ones are read when one of them is answered.
const MAX_PIPELINED: usize = 100;

/// Serves one connection until either end is done.
pub(crate) async fn connection(shared: Arc<Shared>, stream: TcpStream, connection: Rc<Connection>) {
    let Ok(client) = stream.peer_addr() else { return };
    // An answer is one small segment; it has nothing to wait for.
    let _ = stream.set_nodelay(true);
    let (mut reader, writer) = stream.into_split();
    let (answers, queue) = channel(MAX_PIPELINED);
    let room = Arc::new(Semaphore::new(MAX_PIPELINED));
    let reading = async {
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
            let message = timeout(shared.idle, upstream::read(&mut reader)).await;
            let Ok(Ok(Some(bytes))) = message else { break };
            connection.begin();
            match shared.judge(&bytes, client, Protocol::Tcp) {
                Judged::Dropped => {
                    connection.end();
                    break;
                }
                Judged::Answered(answer) => {
                    connection.end();
                    if answers.send(answer).await.is_err() {
                        break;
                    }
                }
                Judged::Forwarded(lookup) => {
                    let (shared, connection) = (Arc::clone(&shared), Rc::clone(&connection));
                    let answers = answers.clone();
                    spawn_local(async move {
                        forward(&shared, *lookup, &answers).await;
                        connection.end();
                        drop(place);
                    });
                }
            }
        }
        // Answers that are still to come keep the queue open.
        drop(answers);
        core::future::pending::<()>().await;
    };
    tokio::select! {
        () = reading => {}
        () = write(writer, queue, &shared) => {}
        () = connection.evicted() => {}
    }
}

async fn forward(shared: &Shared, mut lookup: crate::lookup::Lookup, answers: &Sender<Vec<u8>>) {
    let exchange = tokio::select! {
        exchange = upstream::exchange(shared.upstream, &mut lookup, shared.timeout) => exchange,
        // The client is gone.
        () = answers.closed() => return,
    };
    let answer = match exchange {
        Ok(bytes) => shared.finish(&lookup, &bytes),
        Err(error) => shared.fail(&lookup, &error.to_string()),
    };
    // Its slot is free for others while the client reads.
    drop(lookup);
    if let Some(answer) = answer {
        let _ = answers.send(answer).await;
    }
}

/// Writes answers until there are no more, or the client reads too slowly.
async fn write(mut stream: impl AsyncWrite + Unpin, mut queue: Receiver<Vec<u8>>, shared: &Shared) {
    while let Some(answer) = queue.recv().await {
        if !matches!(timeout(shared.idle, upstream::write(&mut stream, &answer)).await, Ok(Ok(()))) {
            return;
        }
    }
}
