// Package dlq looks at the letters of pipelines, which are their dead letters, late rows and
// events of clocks that are ahead, and sends them to their source again.
//
// Letters lie in files below a data folder, or in a stream (option 'edgeflow.dlq'); both are
// a place. A place also keeps marks, which say what has been replayed.
package dlq
