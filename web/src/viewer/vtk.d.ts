/** vtk.js has no types for these filters. */
declare module '@kitware/vtk.js/Filters/General/ImageMarchingCubes' {
  import type vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
  import type vtkPolyData from '@kitware/vtk.js/Common/DataModel/PolyData';
  interface MarchingCubes {
    setInputData: (image: vtkImageData) => void;
    getOutputData: () => vtkPolyData;
  }
  const filter: { newInstance: (values: { contourValue: number; computeNormals: boolean; mergePoints: boolean }) => MarchingCubes };
  export default filter;
}

declare module '@kitware/vtk.js/Filters/Core/PolyDataNormals' {
  import type vtkPolyData from '@kitware/vtk.js/Common/DataModel/PolyData';
  interface Normals {
    setInputData: (surface: vtkPolyData) => void;
    getOutputData: () => vtkPolyData;
  }
  const filter: { newInstance: () => Normals };
  export default filter;
}
