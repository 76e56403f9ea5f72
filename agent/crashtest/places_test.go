package crashtest

// place is where processes are killed.
type place struct {
	// step is the part of a process's life that the place belongs to.
	step string
	// point is a failpoint, hit up to most times; empty stands for a random moment.
	point string
	most  int
	// variant asks for a variant of the program.
	variant string
	// savepoints asks for savepoints all the time.
	savepoints bool
}

// everywhere is every place that a series of kills goes through, in the order of a
// process's life.
var everywhere = []place{
	{step: "restore", point: "restore.opened", most: 1},
	{step: "restore", point: "restore.page", most: 20},
	{step: "restore", point: "restore.loaded", most: 1},
	{step: "position verification", point: "restore.before-positions", most: 1},
	{step: "position verification", point: "restore.after-positions", most: 1},
	{step: "cursor claim", point: "forward.before-claim", most: 1},
	{step: "cursor claim", point: "forward.after-claim", most: 1},
	{step: "output of a step stored", point: "step.stage", most: 6, variant: small},
	{step: "barrier", point: "checkpoint.before-barrier", most: 5},
	{step: "barrier", point: "checkpoint.after-barrier", most: 5},
	{step: "capture and page write", point: "checkpoint.page-write", most: 60},
	{step: "transaction of several", point: "checkpoint.transaction", most: 10, variant: small},
	{step: "deletion of what was acknowledged", point: "checkpoint.trim", most: 4},
	{step: "before the commit", point: "checkpoint.before-commit", most: 5},
	{step: "file grows", point: "file.grow", most: 4, variant: stepped},
	{step: "page write to the file", point: "file.write-page", most: 60, variant: stepped},
	{step: "before the sync of pages", point: "file.sync-pages", most: 12, variant: stepped},
	{step: "after the sync of pages", point: "file.synced-pages", most: 12, variant: stepped},
	{step: "before the flip", point: "file.write-meta", most: 12, variant: stepped},
	{step: "before the sync of the flip", point: "file.sync-meta", most: 12, variant: stepped},
	{step: "after the sync of the flip", point: "file.synced-meta", most: 12, variant: stepped},
	{step: "between commit and publish", point: "checkpoint.after-commit", most: 5},
	{step: "between commit and publish", point: "checkpoint.before-told", most: 5},
	{step: "sweep of old versions", point: "checkpoint.sweep", most: 6, variant: small},
	{step: "before publish", point: "forward.before-publish", most: 8},
	{step: "between publish and acknowledgement", point: "forward.after-publish", most: 8},
	{step: "between acknowledgement and deletion", point: "forward.after-ack", most: 6},
	{step: "between acknowledgement and deletion", point: "forward.before-delete", most: 6},
	{step: "compaction", point: "compact.before-rename", most: 3, variant: small},
	{step: "compaction", point: "compact.after-rename", most: 3, variant: small},
	{step: "savepoint", point: "savepoint.before-sync", most: 2, savepoints: true},
	{step: "savepoint", point: "savepoint.before-rename", most: 2, savepoints: true},
	{step: "savepoint", point: "savepoint.after-rename", most: 2, savepoints: true},
	{step: "a random moment"},
	{step: "a random moment", variant: small},
}

// name is what tables call the place.
func (p place) name() string {
	switch {
	case p.point == "" && p.variant != "":
		return "random (" + p.variant + ")"
	case p.point == "":
		return "random"
	}
	return p.point
}
