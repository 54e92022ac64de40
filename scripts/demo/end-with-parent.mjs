// Loaded into the shop's process: if the demo that started it is gone, however it ended, the shop ends too.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref(); // alone it keeps no process alive
