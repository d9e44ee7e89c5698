/** Files of a drop, folders walked to the end. */

function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return new Promise((resolve, reject) => {
      (entry as FileSystemFileEntry).file((file) => resolve([file]), reject);
    });
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const readAll = async (): Promise<FileSystemEntry[]> => {
    const all: FileSystemEntry[] = [];
    // A folder is read in pieces (Chrome: 100 entries) until an empty one comes.
    for (;;) {
      const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (piece.length === 0) return all;
      all.push(...piece);
    }
  };
  return readAll().then(async (entries) => {
    const files: File[] = [];
    for (const inner of entries) files.push(...(await filesIn(inner)));
    return files;
  });
}

export async function filesOfDrop(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files: File[] = [];
  for (const entry of entries) files.push(...(await filesIn(entry)));
  return files;
}
