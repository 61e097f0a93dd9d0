// An npm socket.io-client in a process of its own, holding many connections and driven over pipes. A line in is
// [id, order, ...arguments], a line out is [id, "event" or "life", name, ...arguments]. node browser.mjs PACKAGE
import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const require = createRequire(new URL("../../frontend/package.json", import.meta.url))
const { io } = require(process.argv[2])
const sockets = new Map()

const orders = {
	// Options as Frappe's own page gives them, unless the test says otherwise.
	open(id, url, options) {
		const socket = io(url, {
			withCredentials: true,
			reconnectionAttempts: 3,
			forceNew: true,
			...options,
		})
		sockets.set(id, socket)
		const tell = (...line) => process.stdout.write(JSON.stringify([id, ...line]) + "\n")
		socket.onAny((...event) => tell("event", ...event))
		socket.on("connect", () => tell("life", "connect", socket.io.engine.transport.name))
		socket.on("connect_error", (error) =>
			tell("life", "connect_error", error.message, socket.active),
		)
		socket.on("disconnect", (reason) => tell("life", "disconnect", reason))
		socket.io.on("reconnect_failed", () => tell("life", "reconnect_failed"))
		socket.io.on("open", () =>
			socket.io.engine.once("upgrade", (transport) => tell("life", "upgrade", transport.name)),
		)
	},
	say(id, ...event) {
		sockets.get(id).emit(...event)
	},
	ask(id, ...event) {
		const acknowledge = (...answer) =>
			process.stdout.write(JSON.stringify([id, "life", "ack", ...answer]) + "\n")
		sockets.get(id).emit(...event, acknowledge)
	},
	disconnect(id) {
		sockets.get(id).disconnect()
	},
	close(id) {
		sockets.get(id).disconnect()
		sockets.delete(id)
	},
}

createInterface({ input: process.stdin })
	.on("line", (line) => {
		// Bytes are what JSON.stringify makes of a Buffer.
		const revive = (_, value) => (value?.type === "Buffer" ? Buffer.from(value.data) : value)
		const [id, order, ...rest] = JSON.parse(line, revive)
		orders[order](id, ...rest)
	})
	.on("close", () => process.exit(0))
